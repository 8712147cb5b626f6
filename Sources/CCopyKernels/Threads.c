// Waiting for a word, first awake and then asleep, and CPUs of a thread.
#define _GNU_SOURCE
#include "CCopyKernels.h"

#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

static inline void pause_briefly(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

uint32_t pf_gate_turn(const struct pf_gate *gate) { return __atomic_load_n(&gate->turn, __ATOMIC_ACQUIRE); }

uint32_t pf_gate_wait(struct pf_gate *gate, uint32_t seen, uint32_t spins) {
  for (uint32_t i = 0; i < spins; i++) {
    uint32_t turn = pf_gate_turn(gate);
    if (turn != seen) return turn;
    pause_briefly();
  }
  // Sequentially consistent, as in advance: whoever advances sees the sleeper, or the sleeper sees the turn.
  __atomic_fetch_add(&gate->sleepers, 1, __ATOMIC_SEQ_CST);
  uint32_t turn;
  while ((turn = __atomic_load_n(&gate->turn, __ATOMIC_SEQ_CST)) == seen)
    syscall(SYS_futex, &gate->turn, FUTEX_WAIT_PRIVATE, seen, (void *)0, (void *)0, 0);
  __atomic_fetch_sub(&gate->sleepers, 1, __ATOMIC_SEQ_CST);
  return turn;
}

void pf_gate_advance(struct pf_gate *gate) {
  __atomic_fetch_add(&gate->turn, 1, __ATOMIC_SEQ_CST);
  if (__atomic_load_n(&gate->sleepers, __ATOMIC_SEQ_CST) != 0)
    syscall(SYS_futex, &gate->turn, FUTEX_WAKE_PRIVATE, 0x7fffffff, (void *)0, (void *)0, 0);
}

uint32_t pf_count_down(uint32_t *count) { return __atomic_sub_fetch(count, 1, __ATOMIC_ACQ_REL); }

void pf_count_set(uint32_t *count, uint32_t value) { __atomic_store_n(count, value, __ATOMIC_RELEASE); }

int pf_allow_cpus(const int *cpus, int count) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (int i = 0; i < count; i++)
    if (cpus[i] >= 0 && cpus[i] < CPU_SETSIZE) CPU_SET(cpus[i], &set);
  return sched_setaffinity(0, sizeof set, &set) == 0 ? 0 : errno;
}

int pf_bind_to_cpu(int cpu) { return cpu < 0 || cpu >= CPU_SETSIZE ? EINVAL : pf_allow_cpus(&cpu, 1); }

int pf_allowed_cpus(int *cpus, int room) {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 0;
  int count = 0;
  for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
    if (!CPU_ISSET(cpu, &set)) continue;
    if (count < room) cpus[count] = cpu;
    count++;
  }
  return count;
}
