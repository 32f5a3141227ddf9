import type { Effect } from '../../src/core/state/effect.ts';
import type { Task } from '../../src/core/state/job.ts';

/** An effect in a few words; undefined for those that most tests have nothing to say about. */
export function describe(effect: Effect): string | undefined {
  switch (effect.type) {
    case 'signal': {
      const guard = effect.onlyIf === undefined ? '' : ` if ${effect.onlyIf}`;
      return `${effect.purpose} ${effect.signal} to ${effect.to} ${effect.pid}${guard}${effect.wake ? ' and CONT' : ''}`;
    }
    case 'log':
      // Every life begins with this line.
      if (effect.line.event === 'rehup.started') return undefined;
      return ['trace', 'debug'].includes(effect.line.level) ? undefined : effect.line.event;
    case 'exit':
      return effect.refusal === undefined ? `exit ${effect.code}` : `exit ${effect.code}: ${effect.refusal}`;
    case 'start':
      return 'start';
    case 'begin-job':
      return `job ${effect.job}: ${taskText(effect.task)}`;
    case 'cancel-job':
      return `cancel job ${effect.job}`;
    case 'stage':
      return effect.task.op === 'tend' || effect.task.op === 'fail' ? undefined : effect.task.op;
    case 'print':
      return `print ${effect.text.split('\n')[0]}`;
    case 'suspend':
      return `suspend ${effect.whom}${effect.goOn ? ' or go on' : ''}`;
    case 'signal-each': {
      const each = effect.processes.map((one) => one.pid).join(', ');
      return `${effect.purpose} ${effect.signal} to each of ${each}`;
    }
    case 'signal-named':
      return `signal ${effect.signal}${effect.forced ? '!' : ''} to those called ${effect.name}`;
    case 'look-apart':
      return `look apart at ${effect.request.path}`;
    case 'listen':
      return `listen ${effect.address} ${effect.port}`;
    case 'reply':
      return `reply ${effect.connection}: ${effect.bytes.split('\r\n')[0]}`;
    case 'listen-local':
      return effect.path === undefined ? undefined : `listen ${effect.path}`;
    case 'hang-up':
      return `hang up ${effect.connection}`;
    case 'hear':
    case 'close-notify':
      return effect.type;
    case 'recall':
      return 'recall';
    case 'keep':
      return effect.as === 'end'
        ? `keep the end with ${effect.kept.code} for ${effect.kept.paths.join(' ')}`
        : undefined;
    case 'see-others':
      return undefined;
    case 'look':
    case 'seek':
    case 'watch':
    case 'check-group':
    case 'set-timer':
    case 'clear-timer':
      return undefined;
    default:
      return effect satisfies never;
  }
}

function taskText(task: Task): string {
  if (task.kind === 'command') return task.words.join(' ');
  return task.kind === 'post' ? task.endpoint.resource.slice('/v1/'.length) : task.endpoint.text;
}
