"""announcer.py START HUP: a child that speaks sd_notify(3). It runs the Python of its first word, says "up ADDRESS" on
stdout, and runs the second at each SIGHUP; USR1 it answers with "USR1", TERM ends it with 0. In Python, since tests
write down what is to be said."""
import array, os, select, signal, socket, struct, sys, threading, time

address = os.environ.get('NOTIFY_SOCKET', '')


def tell(text):
    # One write, so that no other thread's comes between.
    os.write(1, (text + '\n').encode())


def opened():
    made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    made.connect('\0' + address[1:])
    return made


def say(message, descriptors=()):
    with opened() as made:
        data = message if isinstance(message, bytes) else message.encode()
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', descriptors))] if descriptors else []
        made.sendmsg([data], rights)


def stamp(offset=0):
    return 'MONOTONIC_USEC=%d' % (time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000 + offset)


def there(path):
    while not os.path.exists(path):
        time.sleep(0.01)


def barrier():
    """As sd_notify_barrier(3): whether the other end is closed within 10 s."""
    mine, theirs = os.pipe()
    say('BARRIER=1', [theirs])
    os.close(theirs)
    poller = select.poll()
    poller.register(mine, 0)
    return bool(poller.poll(10_000))


def flood(messages):
    """Says these in turn, as fast as they are taken, for ever."""
    made = opened()
    made.setblocking(False)
    while True:
        for message in messages:
            try:
                made.send(message)
            except (BlockingIOError, OSError):
                time.sleep(0)


def hang_up(*_):
    exec(sys.argv[2], globals())


signal.signal(signal.SIGHUP, hang_up)
signal.signal(signal.SIGUSR1, lambda *_: tell('USR1'))
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
exec(sys.argv[1], globals())
tell('up ' + address)
while True:
    time.sleep(60)
