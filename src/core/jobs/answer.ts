import { createStatusReader, type Decided, type StatusReader } from './http.ts';

/** Of an answer so much is read at most, and more of it is not told: one line is what is looked for. */
const MOST_BYTES = 8 * 1024;

/** An interim answer, after which another one follows. */
const INTERIM = /^HTTP\/1\.\d 1\d\d/;

/** Reads an answer with its body, but of a 200, of which nothing more is to be known. */
export function createAnswerReader(): StatusReader {
  const status = createStatusReader();
  let decided: Decided | undefined;
  let text = '';

  function said(found: Decided): Decided {
    return found.kind === 'answered' ? { ...found, body: bodyOf(text) } : found;
  }

  return {
    take(bytes) {
      text += bytes.slice(0, MOST_BYTES);
      decided ??= status.take(bytes);
      if (decided === undefined || decided.kind === 'failed' || decided.status === 200) return decided;
      return text.length >= MOST_BYTES || isWhole(text) ? said(decided) : undefined;
    },
    end: (broken) => (decided === undefined ? status.end(broken) : said(decided)),
  };
}

/** All that comes before the body: interim answers, and the status and the fields of the final one; '' if that is not whole. */
function headOf(text: string): string {
  for (let from = 0; ; ) {
    const [blank = ''] = /\n\r?\n/.exec(text.slice(from)) ?? [];
    if (blank === '') return '';
    const end = text.indexOf(blank, from) + blank.length;
    if (!INTERIM.test(text.slice(from, from + 'HTTP/1.1 100'.length))) return text.slice(0, end);
    from = end;
  }
}

/** Whether nothing of the body is to come any more, as its length or its last chunk says (RFC 9112, 6). */
function isWhole(text: string): boolean {
  const head = headOf(text);
  if (head === '') return false;
  const body = text.slice(head.length);
  const length = /\ncontent-length:[ \t]*(\d+)/i.exec(head)?.[1];
  if (length !== undefined) return body.length >= Number(length);
  return isChunked(head) && /(?:^|\n)0+\r?\n/.test(body);
}

function isChunked(head: string): boolean {
  return /\ntransfer-encoding:[^\n]*chunked/i.test(head);
}

function bodyOf(text: string): string {
  const head = headOf(text);
  const body = head === '' ? '' : text.slice(head.length);
  if (!isChunked(head)) return body;
  let whole = '';
  let rest = body;
  for (;;) {
    const [line = '', size = '0'] = /^([0-9a-f]+)[^\n]*\n/i.exec(rest) ?? [];
    const length = Number.parseInt(size, 16);
    if (length === 0) return whole;
    whole += rest.slice(line.length, line.length + length);
    rest = rest.slice(line.length + length).replace(/^\r?\n/, '');
  }
}
