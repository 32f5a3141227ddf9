/**
 * Where a connection goes, as an option names it (specification 3): HOST is an IPv4 address, an IPv6 address (in brackets
 * there, without them here), `localhost`, or a name of /etc/hosts.
 */
export type Endpoint = {
  readonly host: string;
  readonly port: number;
  /** As the user wrote it, a byte string. */
  readonly text: string;
};

/** `http://HOST[:PORT][/PATH][?QUERY]`. */
export type HttpEndpoint = Endpoint & {
  /** `HOST[:PORT]` as the Host field of the request says it. */
  readonly authority: string;
  /** Path and query, as the request line says them; `/` if there is none. */
  readonly resource: string;
};
