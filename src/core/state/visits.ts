/** Who is at the other end of a connection. */
export type Peer =
  /** Over TCP, from an IPv4 or IPv6 address. */
  | { readonly kind: 'tcp'; readonly address: string }
  /** Over the control socket; its user, by SO_PEERCRED of unix(7). */
  | { readonly kind: 'socket'; readonly uid: number };

/** One connection, from its beginning to its end. */
export type Visit = {
  readonly peer: Peer;
  /** When it began, or when what came last on it did that counts. */
  readonly since: number;
  /** What has come of its request, and where the search for its end goes on. */
  readonly incoming: { readonly bytes: string; readonly searched: number };
  readonly phase: /** Its request has not come wholly. */
    | 'reading'
    /** Its request waits for whether the application serves at the moment; `head`: it was HEAD. */
    | 'asking'
    /** Its request waits for whether the application is well: `--health`. */
    | 'probing'
    /** It waits for the outcome of a reload that began after it had asked. */
    | 'waiting'
    /** It was answered, and is sent. */
    | 'answered';
  readonly head: boolean;
  /** While `probing`: the name of the container that is asked for. */
  readonly name?: string;
  /** While `waiting`: the number of the last reload that had begun by then. */
  readonly after: number;
};

/** Whether the application served when it was asked last on behalf of a probe. */
export type Serving = { readonly at: number; readonly ok: boolean; readonly reason: string };

/** Answering requests. */
export type Server = {
  readonly phase: 'serving';
  readonly visits: ReadonlyMap<number, Visit>;
  /** The job that asks the application at the moment, on behalf of those that wait. */
  readonly asking: number | undefined;
  readonly served: Serving | undefined;
  /** The job that asks whether the application is well, for the probes that wait. */
  readonly health: number | undefined;
  /** Whether it was not well when it was asked last. */
  readonly ailing: boolean;
  /** What is still to be listened on, so that a start waits for it. */
  readonly opening: number;
  /** Why there is no control socket, if that is so. */
  readonly leftOut: string | undefined;
};

export const NO_VISITS: Server = {
  phase: 'serving',
  visits: new Map(),
  asking: undefined,
  served: undefined,
  health: undefined,
  ailing: false,
  opening: 0,
  leftOut: undefined,
};
