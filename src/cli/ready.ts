import type { Ready } from '../core/state/settings.ts';
import { parseHttp, parseTcp } from '../core/text/endpoint.ts';
import { failure, type Result, success } from '../core/text/result.ts';
import { splitWords } from '../core/text/words.ts';

const EXEC = 'exec:';

/** The TARGET of `--ready`. */
export function parseReady(text: string): Result<Ready> {
  if (/^https?:\/\//.test(text)) {
    const endpoint = parseHttp(text);
    return endpoint.ok ? success({ kind: 'http', endpoint: endpoint.value }) : endpoint;
  }
  if (text.startsWith('tcp://')) {
    const endpoint = parseTcp(text);
    return endpoint.ok ? success({ kind: 'tcp', endpoint: endpoint.value }) : endpoint;
  }
  if (text.startsWith(EXEC)) {
    const words = splitWords(text.slice(EXEC.length));
    return words.ok ? success({ kind: 'exec', words: words.value }) : words;
  }
  return failure('not a target; use http://HOST:PORT/PATH, tcp://HOST:PORT or exec:COMMAND');
}
