// On which CPUs a thread may run: the one place that asks and tells the scheduler.
#ifndef PAGEFERRY_AFFINITY_H
#define PAGEFERRY_AFFINITY_H

/// The CPUs that the calling thread may run on, ascending, at most `room` of them; how many there are, 0 when the kernel does not say.
/// `cpus` may be NULL where `room` is 0.
int pf_allowed_cpus(int *cpus, int room);

/// Allows the calling thread the given CPUs: 0, or an errno.
int pf_allow_cpus(const int *cpus, int count);

/// Allows a thread one CPU alone, by the kernel's number: 0, or an errno. `thread` is a pthread_t.
int pf_bind_thread(unsigned long thread, int cpu);

#endif
