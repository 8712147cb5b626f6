// All knobs of the product in one tree.

import Compaction
import DSAConfig
import DSAModel
import Machine
import MemoryModel
import PageCopy
import Sysctl
import Tiering

extension KnobTree {
  /// Every knob at its default, in the order of listings.
  public static var product: KnobTree {
    KnobTree([
      KernelKnobs.self, BalancingKnobs.self, ReclaimKnobs.self, MemoryKnobs.self, CompactionKnobs.self,
      HugePageKnobs.self,
      HardwareKnobs.self, DSAHardwareKnobs.self, CopyKnobs.self, CostKnobs.self, CopyCostKnobs.self, FaultKnobs.self,
      SimulationKnobs.self,
    ])
  }
}

extension KnobTree {
  /// CPUs of the machine the tree describes (hw.cpus).
  public var cpus: Int { self[HardwareKnobs.self].cpus }
}
