/** An option of `rehup controller`, as those of `rehup run` are. */
export type ControllerOption = {
  readonly flags: string;
  readonly name: string;
  readonly default?: string;
  readonly description: string;
  readonly repeatable?: boolean;
};

export const CONTROLLER_OPTIONS: readonly ControllerOption[] = [
  {
    flags: '--kubeconfig <file>',
    name: 'kubeconfig',
    description:
      'which API server, and as whom (default: in a cluster the service account, else as kubectl finds it)',
  },
  {
    flags: '--namespace <name>',
    name: 'namespace',
    description: 'look after this namespace alone; a Role in it is enough',
    repeatable: true,
  },
  {
    flags: '--namespace-selector <selector>',
    name: 'namespace-selector',
    description: 'look after namespaces with these labels alone',
  },
  {
    flags: '--reload-all',
    name: 'reload-all',
    default: 'off',
    description: 'every workload that does not opt out, annotated or not',
  },
  {
    flags: '--no-secrets',
    name: 'no-secrets',
    default: 'off',
    description: 'never read a Secret, and need no right to',
  },
  {
    flags: '--settle <duration>',
    name: 'settle',
    default: '2s',
    description: 'changes closer together than this are one roll-out',
  },
  {
    flags: '--splay <duration>',
    name: 'splay',
    default: '0',
    description: 'between two roll-outs for the same change, wait a part of this',
  },
  {
    flags: '--max-rolling <n>',
    name: 'max-rolling',
    default: '10',
    description: 'workloads that are rolled out at a time for one change, after the first went alone',
  },
  {
    flags: '--max-rolling-total <n>',
    name: 'max-rolling-total',
    default: '200',
    description: 'workloads that are rolled out at a time in all',
  },
  {
    flags: '--strategy <name>',
    name: 'strategy',
    default: 'template',
    description:
      'template: change an annotation of the pod template, and the workload rolls by itself; evict: evict its pods one at a time, and nothing in its spec changes',
  },
  {
    flags: '--deadline <duration>',
    name: 'deadline',
    default: '10m',
    description: 'a roll-out that is not done by then has failed',
  },
  {
    flags: '--halt <on|off>',
    name: 'halt',
    default: 'on',
    description: 'content that failed at one workload is rolled out to no other',
  },
  {
    flags: '--listen <[host]:port>',
    name: 'listen',
    default: ':9847',
    description:
      'HTTP: /livez /readyz /metrics, a FleetLock server at /fleet-lock, and to the loopback address /status and a page for people at /',
  },
  {
    flags: '--listen-status',
    name: 'listen-status',
    default: 'off',
    description: '/status and / for whoever can reach the port: names and digests are in them',
  },
  {
    flags: '--lease <[namespace/]name>',
    name: 'lease',
    default: 'rehup-controller',
    description: 'the Lease that tells which of several is the leader; off for a single one',
  },
  {
    flags: '--notify-file <file>',
    name: 'notify-file',
    description:
      'a mounted Secret with webhooks that are told of roll-outs that failed, are halted or go on, one a line: URL or URL slack',
  },
  {
    flags: '--qps <n>',
    name: 'qps',
    default: '50',
    description: 'most requests a second to the API server',
  },
  {
    flags: '--dry-run',
    name: 'dry-run',
    default: 'off',
    description: 'say what would be rolled out and why, and change nothing',
  },
  {
    flags: '--log-level <level>',
    name: 'log-level',
    default: 'info',
    description: 'trace, debug, info, warn, error, fatal or silent',
  },
  {
    flags: '--log-format <format>',
    name: 'log-format',
    description: 'json, gcp, or pretty for people (default: pretty on a terminal, else json)',
  },
];
