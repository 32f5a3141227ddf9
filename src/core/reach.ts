import { environmentValue } from './files/environment.ts';
import { findPrograms } from './files/remote/programs.ts';
import type { Routes, Session } from './files/remote/routes.ts';
import type { Drive } from './jobs/conversation.ts';
import type { Reach } from './jobs/jobs.ts';
import { executableCandidates } from './process/executable.ts';
import { absolutePath } from './text/path.ts';

/** For so long a file server is waited for before a command is started, ms. */
const PATIENCE = 5_000;

/**
 * What finds out whether the files that a command is started from answer, where they may hang: who execs it would wait.
 * Where all of them are local that is told at once, and nothing is looked at.
 *
 * @param cwd the directory that commands are started in, absolute
 */
export function createReach(routes: Routes, driveBy: (session: Session) => Drive, cwd = '/'): Reach {
  return (words, environment, told) => {
    const session = routes.begin(PATIENCE);
    const path = environmentValue(environment, 'PATH');
    const candidates = executableCandidates(words[0] ?? '', path);
    const places = [cwd, ...candidates.map((file) => absolutePath(cwd, file))];
    if (places.some(session.isElsewhere)) driveBy(session)(findPrograms(candidates, cwd), told);
    else told(undefined);
  };
}
