// The threads of a run: kswapd of each node, the tasks of the workload in their address spaces.

import MemoryModel
import Migration
import Tiering
import Units
import Workload

extension Simulation {
  func makeKernelThreads(_ layouts: [NodeLayout]) {
    for node in 0..<memory.nodeCount {
      let kswapd = Kswapd(
        node: node, memory: memory, targets: targets, links: links, trace: trace, clock: clock, knobs: reclaim,
        costs: costs, copies: copies, seed: UInt64(knobs.seed) &+ 0x6B73_7761_7064 &+ UInt64(node))
      kswapd.apply(knobs: reclaim, runningCPUs: runningCPUs)
      kswapds.append(kswapd)
      let own = layouts[node].cpus
      let thread = ModelThread(
        id: threads.count, name: "kswapd\(node)", body: KernelThread(task: kswapd, simulation: self),
        allowed: (0..<hardware.cpus).map { own.isEmpty || own.contains($0) }, isKernel: true)
      thread.state = .waiting
      threads.append(thread)
      kswapdThreads.append(thread)
    }
  }

  /// Adds a kernel thread that begins in the middle of the run, or behind the tasks' threads.
  func addKernelThread(_ thread: ModelThread) {
    threads.append(thread)
    wakeTimes.append(thread.wakeTime)
  }

  func makeTasks(_ inputs: TraceInputs) throws(RunError) {
    for (index, process) in spec.processes.enumerated() {
      let space = AddressSpace(
        index: index, name: process.name, slots: inputs.slots[index],
        scan: AddressSpaceScan(start: 0, knobs: balancing, clock: clock))
      spaces.append(space)
    }
    memory.onPageDropped = { [unowned self] slot in
      spaces.first { $0.slots.contains(slot) }?.rss -= 1
    }
    for (index, region) in spec.regions.enumerated() where region.isMappedAtStart {
      map(region: index, in: spaces[region.process])
    }
    for (index, task) in spec.tasks.enumerated() {
      let space = spaces[task.process]
      if let opened = inputs.sources[index] {
        traceSources[index] = opened.source
        space.regions.append(
          MappedRegion(region: -1, slots: opened.slots, isFile: false, advice: .systemDefault))
        space.regions.sort { $0.slots.lowerBound < $1.slots.lowerBound }
      }
      space.threads += task.threads
      let program = TaskProgram(task, index: index, space: space, simulation: self)
      programs.append(program)
      if !program.isEndless { foreground += 1 }
      if let bad = task.cpus?.first(where: { $0 >= hardware.cpus }) {
        throw RunError(
          "\(spec.path):\(task.line): task '\(task.name)' is to run on CPU \(bad), but the machine has CPUs 0 to \(hardware.cpus - 1)",
          fix: "change 'cpus:' of the task or raise hw.cpus")
      }
      for number in 0..<task.threads {
        let body = UserThread(program: program, number: number, simulation: self)
        let thread = ModelThread(
          id: threads.count, name: task.threads == 1 ? task.name : "\(task.name)/\(number)", body: body,
          allowed: (0..<hardware.cpus).map { task.cpus?.contains($0) ?? true }, isKernel: false)
        body.attach(thread)
        userThreads.append(.passUnretained(body))
        program.threads.append(body)
        threads.append(thread)
        if task.start + knobs.startDelay > 0 {
          thread.state = .sleeping(until: task.start + knobs.startDelay)
        } else {
          scheduler.wake(thread, now: 0, waker: nil)
        }
      }
    }
    if foreground == 0 {
      throw RunError(
        "\(spec.path): every task repeats forever, so that the run would never end",
        fix: "give one task a number of repeats")
    }
  }

  func makeJob() -> MigrationJob {
    MigrationJob(memory: memory, links: links, trace: trace, costs: costs, copies: copies)
  }

  func makeDirectReclaim(caller: MigrateCaller, seed: UInt64) -> DirectReclaim {
    DirectReclaim(
      memory: memory, targets: targets, links: links, trace: trace, knobs: reclaim, costs: costs,
      copies: copies, caller: caller, seed: UInt64(knobs.seed) &+ 0x6469_7265_6374 &+ seed)
  }
}
