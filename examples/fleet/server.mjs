// A service that reads its settings once, when it starts, and can't run on bad ones.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';

const directory = process.env.CONFIG_DIR ?? '/run/greeter';
const greeting = readFileSync(`${directory}/greeting`, 'utf8').trim();
if (greeting === '') {
  console.log('greeter: the greeting is empty');
  process.exit(1);
}

const server = createServer((_request, response) => response.end(`${greeting}\n`));
server.listen(Number(process.env.PORT ?? 8080), () => {
  console.log(`greeter ${process.pid} says "${greeting}" on port ${server.address().port}`);
});

process.on('SIGTERM', () => server.close(() => process.exit(0)));
