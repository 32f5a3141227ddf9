import { request } from 'node:http';

/** Asks a server all the time while something is done: how many requests were sent, and why some had no answer of 200. */
export async function underLoad(
  url: string,
  act: () => Promise<void>,
): Promise<{ readonly sent: number; readonly lost: readonly string[] }> {
  let isOver = false;
  let sent = 0;
  const lost: string[] = [];
  async function client(): Promise<void> {
    while (!isOver) {
      sent += 1;
      const fault = await asked(url);
      if (fault !== undefined) lost.push(fault);
      // A hundred requests a second and client, at most.
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
  const clients = Array.from({ length: 4 }, client);
  try {
    await act();
  } finally {
    isOver = true;
    await Promise.all(clients);
  }
  return { sent, lost };
}

/** One request on a connection of its own, which may go to any pod; what was wrong with the answer. */
function asked(url: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const call = request(url, { agent: false, timeout: 5000 }, (answer) => {
      answer.resume();
      answer.on('error', (error) => resolve(error.message));
      answer.on('end', () => resolve(answer.statusCode === 200 ? undefined : `status ${answer.statusCode}`));
    });
    call.on('timeout', () => call.destroy(new Error('no answer within 5 s')));
    call.on('error', (error) => resolve(error.message));
    call.end();
  });
}
