"""Objects in a garbage-collected language: a program to record traces of.

usage: orders.py CUSTOMERS ROUNDS

Makes CUSTOMERS customers with a profile of 1 KiB and a few orders each, as Python objects, then goes through ROUNDS of:
look-ups of which most go to one sixteenth of the customers (another one each round), new orders for them, a report over
that sixteenth, and the replacement of one customer in 64 by a new one. A seeded generator of its own makes all choices:
equal arguments give equal output, whatever the version of Python.
"""

import sys


class Draws:
    """The generator of Lehmer modulo 2^31 - 1 with the factor 48271 (Park and Miller, revised 1993)."""

    def __init__(self, seed):
        self.state = seed

    def below(self, bound):
        self.state = self.state * 48271 % 2147483647
        return self.state % bound


class Order:
    __slots__ = ("item", "price", "note")

    def __init__(self, item, price):
        self.item = item
        self.price = price
        self.note = "order of item %d for %d" % (item, price)


class Customer:
    def __init__(self, number):
        self.number = number
        self.name = "customer %d" % number
        self.orders = []
        self.profile = bytearray(1024)


def run(customers, rounds):
    draws = Draws(20231)
    table = {}
    for number in range(customers):
        customer = Customer(number)
        for _ in range(number % 4):
            customer.orders.append(Order(draws.below(5000), draws.below(100)))
        table[number] = customer

    part = max(1, customers // 16)
    total = 0
    for round_number in range(rounds):
        first = round_number * part % customers
        for step in range(customers // 2):
            if step % 8 == 0:
                number = draws.below(customers)
            else:
                number = (first + draws.below(part)) % customers
            customer = table[number]
            if step % 4 == 0:
                customer.orders.append(Order(draws.below(5000), draws.below(100)))
            customer.profile[step % 1024] = round_number % 256
            for order in customer.orders[:2]:
                total += order.price
        for number in range(first, min(first + part, customers)):
            total += sum(len(order.note) for order in table[number].orders)
        for number in range(round_number % 64, customers, 64):
            table[number] = Customer(number)
    print("%d customers, %d orders, total %d" % (len(table), sum(len(c.orders) for c in table.values()), total))


def main(arguments):
    if arguments in (["--help"], ["-h"]):
        print(__doc__.strip())
        return 0
    if len(arguments) != 2 or not all(a.isascii() and a.isdigit() and 0 < int(a) <= 10**9 for a in arguments):
        print(__doc__.strip(), file=sys.stderr)
        return 2
    run(int(arguments[0]), int(arguments[1]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
