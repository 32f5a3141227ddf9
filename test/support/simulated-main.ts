/* A main container in simulated time. */

/** What it does: it reads what is mounted when it is started. */
export type Phase =
  | {
      readonly phase: 'running';
      readonly read: string;
      readonly failures: number;
      readonly probeAt: number;
      readonly told: number | undefined;
    }
  | { readonly phase: 'stopping'; readonly until: number }
  | { readonly phase: 'starting'; readonly read: string; readonly hookAt: number };

export type Main = {
  readonly name: string;
  /** What stands behind `/livez` and `/started`. */
  readonly path: string;
  phase: Phase;
  /** The last answer by which it was restarted for its content. */
  restartedAt: number | undefined;
};
