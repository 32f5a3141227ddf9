import { request } from 'node:http';

/**
 * Asks a server all the time while something is done: how many requests were sent, and why some had no answer of 200.
 *
 * @param timeout of a request without any answer, ms
 */
export async function underLoad(
  url: string,
  act: () => Promise<void>,
  { clients: many = 4, timeout = 5000 } = {},
): Promise<{ readonly sent: number; readonly lost: readonly string[] }> {
  let isOver = false;
  let sent = 0;
  const lost: string[] = [];
  async function client(): Promise<void> {
    while (!isOver) {
      sent += 1;
      const fault = await asked(url, timeout);
      if (fault !== undefined) lost.push(fault);
      // A hundred requests a second and client, at most.
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
  const clients = Array.from({ length: many }, client);
  try {
    await act();
  } finally {
    isOver = true;
    await Promise.all(clients);
  }
  return { sent, lost };
}

/** One request on a connection of its own, which may go to any pod; what was wrong with the answer. */
function asked(url: string, timeout: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const call = request(url, { agent: false, timeout }, (answer) => {
      answer.resume();
      answer.on('error', (error) => resolve(error.message));
      answer.on('end', () => resolve(answer.statusCode === 200 ? undefined : `status ${answer.statusCode}`));
    });
    call.on('timeout', () => call.destroy(new Error(`no answer within ${timeout} ms`)));
    call.on('error', (error) => resolve(error.message));
    call.end();
  });
}
