/** A request, as far as rehup has use for it (RFC 9112). Its fields and its body are of no interest. */
export type Request = {
  readonly method: 'GET' | 'HEAD' | 'POST';
  /** Without its query; `/` at least. */
  readonly path: string;
  readonly query: string;
  /** Whether it is a hook of a container that asks: the kubelet says so as its User-Agent. */
  readonly hook?: true;
};

/** pkg/kubelet/lifecycle/handlers.go of Kubernetes. */
const HOOK = /\nuser-agent:[ \t]*kube-lifecycle\//i;

/** The bytes of a request line and all fields; who sends more is refused. */
export const MOST_REQUEST = 8 * 1024;

/**
 * What has come on a connection so far, and where the search for its end goes on: each byte is looked at once, however
 * few come at a time.
 */
export type Incoming = { readonly bytes: string; readonly searched: number };

export const NOTHING_YET: Incoming = { bytes: '', searched: 0 };

/** A whole request, the status code that refuses it, or that more must come. */
export type Taken =
  | { readonly kind: 'request'; readonly request: Request }
  | { readonly kind: 'refused'; readonly code: number }
  | { readonly kind: 'more'; readonly incoming: Incoming };

/** Of the fields: two ends of a line. */
const LONGEST_END = 4;

const METHODS: readonly string[] = ['GET', 'HEAD', 'POST'];

/** Takes what has come now to what came before. */
export function takeBytes({ bytes: before, searched }: Incoming, bytes: string): Taken {
  const added = before + bytes.slice(0, MOST_REQUEST + LONGEST_END);
  // Empty lines before a request are none of it (RFC 9112, 2.2).
  const text = searched === 0 ? added.replace(/^[\r\n]+/, '') : added;
  // A line may end in LF alone (RFC 9112, 2.2), so an empty line is one of these.
  const end = endOfFields(text, searched);
  if (end !== undefined && end <= MOST_REQUEST) return requestIn(text);
  if (text.length >= MOST_REQUEST + LONGEST_END) return { kind: 'refused', code: 431 };
  return { kind: 'more', incoming: { bytes: text, searched: Math.max(0, text.length - 3) } };
}

function endOfFields(text: string, from: number): number | undefined {
  for (let at = text.indexOf('\n', from); at >= 0; at = text.indexOf('\n', at + 1))
    if (text[at + 1] === '\n' || text.startsWith('\r\n', at + 1)) return text[at - 1] === '\r' ? at - 1 : at;
  return undefined;
}

function requestIn(text: string): Taken {
  const line = text.slice(0, text.indexOf('\n')).replace(/\r$/, '');
  const words = line.split(' ');
  const [method = '', target = '', version = ''] = words;
  if (words.length !== 3 || !/^[!#$%&'*+.^_`|~\w-]{1,32}$/.test(method))
    return { kind: 'refused', code: 400 };
  if (!/^HTTP\/\d\.\d$/.test(version)) return { kind: 'refused', code: 400 };
  if (!version.startsWith('HTTP/1.')) return { kind: 'refused', code: 505 };
  if (!METHODS.includes(method)) return { kind: 'refused', code: 405 };
  const found = pathOf(target);
  if (found === undefined) return { kind: 'refused', code: 400 };
  return {
    kind: 'request',
    request: { method: method as Request['method'], ...found, ...(HOOK.test(text) ? { hook: true } : {}) },
  };
}

/** The path and the query of a target in origin-form or absolute-form; undefined if it is neither. */
function pathOf(target: string): Pick<Request, 'path' | 'query'> | undefined {
  const absolute = target.startsWith('http://') ? target.slice('http://'.length) : undefined;
  const slash = absolute === undefined ? 0 : absolute.indexOf('/');
  const origin = absolute === undefined ? target : slash < 0 ? '/' : absolute.slice(slash);
  if (!origin.startsWith('/')) return undefined;
  const query = origin.indexOf('?');
  if (query < 0) return { path: origin, query: '' };
  return { path: origin.slice(0, query), query: origin.slice(query + 1) };
}
