import type { Programs } from './programs.ts';
import type { Detection } from './settings.ts';

/** What others need to find it, as it is written to `cluster.json` in its folder. */
export type Place = {
  readonly folder: string;
  readonly address: string;
  /** Of an API server that is not the cluster's own. */
  readonly port?: number;
  /** Words before a command that runs among its processes, mounts and links. */
  readonly prefix: readonly string[];
  readonly programs: Programs;
  readonly syncFrequency: string;
  readonly detection: Detection;
};
