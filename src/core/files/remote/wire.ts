import type { FileAnswer, FileRequest, Files } from '../files.ts';

/*
 * How requests go to a helper and its answers come back: one line of JSON each. The byte strings in it are characters
 * from 0 to 255, and so is the line: a byte each.
 */

/** A helper that sends a longer line than this has gone astray, bytes. */
const MOST_BYTES = 8 * 1024 * 1024;

export function requestLine(request: FileRequest): string {
  return `${JSON.stringify(request)}\n`;
}

export function answerOf(line: string): FileAnswer {
  return JSON.parse(line) as FileAnswer;
}

/** Puts pieces together to lines; answers those that are whole now, or undefined once one is too long. */
export function createLines(): (piece: string) => readonly string[] | undefined {
  let pieces: string[] = [];
  let length = 0;
  return (piece) => {
    if (!piece.includes('\n')) {
      pieces.push(piece);
      length += piece.length;
      return length > MOST_BYTES ? undefined : [];
    }
    const lines = (pieces.join('') + piece).split('\n');
    const rest = lines.pop() ?? '';
    pieces = [rest];
    length = rest.length;
    return lines;
  };
}

/**
 * What a helper does for its life: answers requests, each by the Files port, as they come.
 *
 * @param read waits for a piece; '' when rehup is gone
 */
export function serveFiles(files: Files, read: () => string, write: (bytes: string) => void): void {
  const linesOf = createLines();
  for (let piece = read(); piece !== ''; piece = read()) {
    for (const line of linesOf(piece) ?? []) {
      write(`${JSON.stringify(files.perform(JSON.parse(line) as FileRequest))}\n`);
    }
  }
}
