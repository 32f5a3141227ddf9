/** Takes text apart into lines that comes in pieces; what it holds is at most one line. */
export type LineReader = {
  /** The lines that a piece ends, without their ends. */
  take(piece: string): readonly string[];
  /** What stands behind the last line end. */
  rest(): string;
};

/** @param longest of a line that is longer only the beginning is kept, this many characters */
export function createLineReader(longest: number): LineReader {
  let rest = '';
  return {
    take(piece) {
      const lines = piece.split('\n');
      const last = lines.pop() ?? '';
      if (lines.length === 0) {
        rest += last;
        if (rest.length > longest) rest = rest.slice(0, longest);
        return [];
      }
      lines[0] = (rest + (lines[0] ?? '')).slice(0, longest);
      rest = last.slice(0, longest);
      return lines;
    },
    rest: () => rest,
  };
}
