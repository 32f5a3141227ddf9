import { PATIENCE } from './patience.ts';

/** Servers on the loopback, asked by tests. Run as a program with the words of {@link served}, it writes what that answers. */

/** Asks a server until this text is in its answer, or for as long as tests wait; gives what it said last. */
export async function served(port: number, text: string, path = '/'): Promise<string> {
  const end = Date.now() + PATIENCE;
  for (;;) {
    let last: string;
    try {
      // A connection that is kept would keep the worker that has it.
      const answer = await fetch(`http://127.0.0.1:${port}${path}`, { headers: { connection: 'close' } });
      last = (await answer.text()).trim();
      if (last.includes(text)) return last;
    } catch (error) {
      last = error instanceof Error ? error.message : String(error);
    }
    if (Date.now() > end) return last;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

if (import.meta.main) {
  const [port, text = '', path] = process.argv.slice(2);
  process.stdout.write(await served(Number(port), text, path));
}
