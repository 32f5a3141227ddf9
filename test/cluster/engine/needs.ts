import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { hasGo } from './programs.ts';

/** What a cluster needs of the machine. */

const PROGRAMS: readonly (readonly [program: string, brings: string])[] = [
  ['runc', 'runc'],
  ['iptables', 'iptables'],
  ['ip', 'iproute2'],
  ['nsenter', 'util-linux'],
  ['setpriv', 'util-linux'],
  ['strace', 'strace'],
];

/** What is missing, a phrase each; empty where a cluster can be started. */
export function missingForCluster(): readonly string[] {
  const packages = [
    ...PROGRAMS.flatMap(([program, brings]) =>
      spawnSync('which', [program], { stdio: 'ignore' }).status === 0 ? [] : brings,
    ),
    ...(existsSync('/usr/lib/cni/bridge') ? [] : ['containernetworking-plugins']),
    ...(existsSync('/bin/busybox') ? [] : ['busybox-static']),
  ];
  return [
    ...(process.getuid?.() === 0 ? [] : ['root']),
    ...(hasGo() ? [] : ['Go 1.26']),
    ...(packages.length === 0 ? [] : [`apt-get install -y ${[...new Set(packages)].join(' ')}`]),
  ];
}
