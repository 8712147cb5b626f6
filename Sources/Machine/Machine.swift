// Room: Machine.
