// The profiles that a comparison knows by name: sysctl/profiles/ as text, so that they are there wherever the command runs.

extension Profile {
  /// What is compared when nothing is said: the original's four, tpp, and three baselines.
  public static let standard = [
    "tpp", "tpp-dsa", "tpp-mt", "tpp-concur-mt", "tpp-concur-dsa", "all-fast", "all-slow", "first-touch",
  ]

  /// All that have a name. A test holds the texts to the files of sysctl/profiles/.
  public static let builtIn: [Profile] =
    texts.map { Profile($0.name, source: .text($0.text, file: "\($0.name).conf")) }
    + Baseline.allCases.map {
      Profile($0.name, source: .text(firstTouch, file: "first-touch.conf"), baseline: $0)
    }

  /// The files of sysctl/profiles/ by name.
  static let texts: [(name: String, text: String)] = [
    ("tpp", tpp), ("tpp-dsa", tppDSA), ("tpp-mt", tppMT), ("tpp-concur", tppConcur), ("tpp-concur-mt", tppConcurMT),
    ("tpp-concur-dsa", tppConcurDSA), ("first-touch", firstTouch), ("no-migration", noMigration),
    ("tiering-v6.12", tiering6), ("tiering-v7.1", tiering7),
  ]

  private static let tpp = """
    # Transparent page placement as its authors ran it: Linux 5.13-rc6 with the TPP patches, knobs in their order.
    # The order counts: the demotion mark is computed when a watermark knob is written while tiering is on.
    kernel.rules = tpp2021
    mm.numa.demotion_enabled = 1
    kernel.numa_balancing = 2
    # Keep 10 % of the fast node's Normal zone free (the patches' default is 200: 2 %).
    vm.demote_scale_factor = 1000

    """

  private static let tppDSA = """
    # tpp.conf with DSA copying each huge page. Lists of pages are not migrated together, so that base pages are copied by the CPU
    # as before. The order is that of the original: first the devices (vm.dsa_state), then their use.
    kernel.rules = tpp2021
    vm.dsa_state = 1
    vm.use_dsa_copy_pages = 1
    mm.numa.demotion_enabled = 1
    kernel.numa_balancing = 2
    vm.demote_scale_factor = 1000

    """

  private static let tppMT = """
    # tpp.conf with several CPUs copying each huge page (vm.limit_mt_num, 4 by default). Lists of pages are not migrated together, so
    # that base pages are copied by one CPU as before.
    kernel.rules = tpp2021
    vm.cpu_multi_copy_pages = 1
    mm.numa.demotion_enabled = 1
    kernel.numa_balancing = 2
    vm.demote_scale_factor = 1000

    """

  private static let tppConcur = """
    # The original's kernel with lists demoted and compacted together: each list is unmapped, copied and mapped again as a whole, on one CPU.
    kernel.rules = tpp2021
    vm.use_concur_to_demote = 1
    vm.use_concur_to_compact = 1
    mm.numa.demotion_enabled = 1
    kernel.numa_balancing = 2
    vm.demote_scale_factor = 1000

    """

  private static let tppConcurMT = """
    # tpp-concur.conf with several CPUs copying each list (vm.limit_mt_num, 4 by default): base pages gain too. About what Nimble does.
    kernel.rules = tpp2021
    vm.use_concur_to_demote = 1
    vm.use_concur_to_compact = 1
    vm.cpu_multi_copy_pages = 1
    mm.numa.demotion_enabled = 1
    kernel.numa_balancing = 2
    vm.demote_scale_factor = 1000

    """

  private static let tppConcurDSA = """
    # tpp-concur.conf with DSA copying each list of vm.dsa_copy_threshold pages or more.
    # The order is that of the original: lists, then the devices (vm.dsa_state), then their use, then tiering.
    kernel.rules = tpp2021
    vm.use_concur_to_demote = 1
    vm.use_concur_to_compact = 1
    vm.dsa_state = 1
    vm.use_dsa_copy_pages = 1
    mm.numa.demotion_enabled = 1
    kernel.numa_balancing = 2
    vm.demote_scale_factor = 1000

    """

  private static let firstTouch = """
    # The kernel of tpp.conf with tiering off: pages stay where their first touch put them.
    # no-migration.conf is the same under the rules of Linux 6.12.
    kernel.rules = tpp2021
    mm.numa.demotion_enabled = 0
    kernel.numa_balancing = 0

    """

  private static let noMigration = """
    # Pages stay where the first touch put them: what tiering has to be better than.
    kernel.rules = v6.12
    mm.numa.demotion_enabled = 0
    kernel.numa_balancing = 0

    """

  private static let tiering6 = """
    # Memory tiering of Linux 6.12: demotion in reclaim, promotion of pages whose hint fault comes soon after the scan.
    kernel.rules = v6.12
    mm.numa.demotion_enabled = 1
    kernel.numa_balancing = 2

    """

  private static let tiering7 = """
    # Memory tiering of Linux 7.1. These rules come from code reading only; no run of this kernel was compared.
    kernel.rules = v7.1
    mm.numa.demotion_enabled = 1
    kernel.numa_balancing = 2

    """
}
