// Waiting for a word, first awake and then asleep.
#define _GNU_SOURCE
#include "CCopyKernels.h"

#include <linux/futex.h>
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
