/* Sockets, none of which ever makes one wait. */
#include "host.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* As many as may wait to be accepted: a probe must find a place behind a crowd. */
#define BACKLOG 1024

/* For so long a connection on which nothing was sent is left to the kernel, s: a request that comes with it keeps its place. */
#define DEFERRED 1

union address {
    struct sockaddr any;
    struct sockaddr_in version4;
    struct sockaddr_in6 version6;
    struct sockaddr_un local;
};

/* An IPv4 or IPv6 address and a port as the kernel wants them; its size, or 0 if it is neither. */
static socklen_t parse_address(union address *address, const char *host, int port)
{
    memset(address, 0, sizeof *address);
    if (inet_pton(AF_INET, host, &address->version4.sin_addr) == 1) {
        address->version4.sin_family = AF_INET;
        address->version4.sin_port = htons((uint16_t)port);
        return sizeof address->version4;
    }
    if (inet_pton(AF_INET6, host, &address->version6.sin6_addr) == 1) {
        address->version6.sin6_family = AF_INET6;
        address->version6.sin6_port = htons((uint16_t)port);
        return sizeof address->version6;
    }
    return 0;
}

static int new_socket(int family)
{
    return away_from_stdio(socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

/* Closes a socket on which a call failed, and throws that. */
static JSValue close_and_throw(JSContext *ctx, int descriptor, const char *call)
{
    int error = errno;
    close(descriptor);
    return throw_system(ctx, call, error);
}

/* Takes an address and a port, EINVAL for what is none; its size, or 0 with an exception. */
static socklen_t to_address(JSContext *ctx, union address *address, JSValueConst *argv, const char *call)
{
    int port;
    struct bytes host;
    if (to_int(ctx, &port, argv[1]) < 0 || to_c_string(ctx, &host, argv[0], call) < 0) return 0;
    socklen_t size = port < 0 || port > UINT16_MAX ? 0 : parse_address(address, host.data, port);
    free_bytes(ctx, &host);
    if (size == 0) throw_system(ctx, call, EINVAL);
    return size;
}

static JSValue begin_to_connect(JSContext *ctx, const union address *address, socklen_t size)
{
    int descriptor = new_socket(address->any.sa_family);
    if (descriptor < 0) return throw_system(ctx, "socket", errno);
    if (connect(descriptor, &address->any, size) == 0 || errno == EINPROGRESS) return JS_NewInt32(ctx, descriptor);
    return close_and_throw(ctx, descriptor, "connect");
}

/* connect(address, port): begins to; the descriptor, which can be written once it is connected or has failed. */
NATIVE(connect)
{
    UNUSED;
    union address address;
    socklen_t size = to_address(ctx, &address, argv, "connect");
    return size == 0 ? JS_EXCEPTION : begin_to_connect(ctx, &address, size);
}

/* Whether a connection is one to itself: a port on which nobody listens, which the kernel chose for this end as well. */
static bool is_own_peer(int descriptor)
{
    union address own = { 0 }, peer = { 0 };
    socklen_t size = sizeof own, peer_size = size;
    return getsockname(descriptor, &own.any, &size) == 0 && getpeername(descriptor, &peer.any, &peer_size) == 0 &&
           size == peer_size && memcmp(&own, &peer, size) == 0;
}

/* connected(descriptor): throws what became of a connect() that failed. One to itself is none, and closed by a reset: else it
   would keep the port from whoever is to listen on it (tcp(7): TIME_WAIT). */
NATIVE(connected)
{
    UNUSED;
    int descriptor, error;
    socklen_t size = sizeof error;
    if (to_int(ctx, &descriptor, argv[0]) < 0) return JS_EXCEPTION;
    if (getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &size) < 0) return throw_system(ctx, "getsockopt", errno);
    if (error != 0) return throw_system(ctx, "connect", error);
    if (!is_own_peer(descriptor)) return JS_UNDEFINED;
    (void)setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &(struct linger){ .l_onoff = 1 }, sizeof(struct linger));
    return throw_system(ctx, "connect", ECONNREFUSED);
}

/* send(descriptor, bytes): the number of bytes that went; EAGAIN where one would have to wait. */
NATIVE(send)
{
    UNUSED;
    int descriptor;
    struct bytes bytes;
    if (to_int(ctx, &descriptor, argv[0]) < 0 || to_bytes(ctx, &bytes, argv[1]) < 0) return JS_EXCEPTION;
    JSValue result =
        result_of(ctx, "send", send(descriptor, bytes.data, bytes.length, MSG_DONTWAIT | MSG_NOSIGNAL));
    free_bytes(ctx, &bytes);
    return result;
}

/* Kept, so that there is one to accept a connection with where there are no more, and to close it. */
static int spare = -1;

/* Accepts a connection, whose descriptor is closed on exec; -1 and errno on failure. */
static int accept_from(int descriptor)
{
    if (spare < 0) spare = away_from_stdio(open("/", O_PATH | O_CLOEXEC));
    int accepted = accept4(descriptor, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (accepted >= 0 || (errno != EMFILE && errno != ENFILE) || spare < 0) return away_from_stdio(accepted);
    /* Left in the queue it would be told again and again. */
    int error = errno;
    close(spare);
    accepted = accept4(descriptor, NULL, NULL, SOCK_CLOEXEC);
    if (accepted >= 0) close(accepted);
    spare = away_from_stdio(open("/", O_PATH | O_CLOEXEC));
    errno = error;
    return -1;
}

static JSValue listen_on(JSContext *ctx, const union address *address, socklen_t size)
{
    static const int yes = 1, deferred = DEFERRED;
    int descriptor = new_socket(address->any.sa_family);
    if (descriptor < 0) return throw_system(ctx, "socket", errno);
    if (address->any.sa_family != AF_UNIX &&
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) < 0)
        return close_and_throw(ctx, descriptor, "setsockopt");
    /* Where it is not known (gVisor) connections are accepted at once. */
    if (address->any.sa_family != AF_UNIX) (void)setsockopt(descriptor, IPPROTO_TCP, TCP_DEFER_ACCEPT, &deferred, sizeof deferred);
    if (bind(descriptor, &address->any, size) < 0) return close_and_throw(ctx, descriptor, "bind");
    if (listen(descriptor, BACKLOG) < 0) return close_and_throw(ctx, descriptor, "listen");
    /* Told now: connections that nobody can accept would keep the loop busy for ever. */
    int early = accept_from(descriptor);
    if (early < 0 && (errno == EPERM || errno == ENOSYS)) return close_and_throw(ctx, descriptor, "accept4");
    if (early >= 0) close(early);
    return JS_NewInt32(ctx, descriptor);
}

/* listenTcp(address, port): the descriptor. Port 0: any that is free. */
NATIVE(listenTcp)
{
    UNUSED;
    union address address;
    socklen_t size = to_address(ctx, &address, argv, "bind");
    return size == 0 ? JS_EXCEPTION : listen_on(ctx, &address, size);
}

/* Takes the path of a Unix socket; -1 with an exception if it is too long. */
static int to_local(JSContext *ctx, union address *address, JSValueConst value, const char *call)
{
    struct bytes path;
    memset(address, 0, sizeof *address);
    address->local.sun_family = AF_UNIX;
    if (to_c_string(ctx, &path, value, call) < 0) return -1;
    bool fits = path.length < sizeof address->local.sun_path;
    if (fits) memcpy(address->local.sun_path, path.data, path.length);
    free_bytes(ctx, &path);
    if (!fits) throw_system(ctx, call, ENAMETOOLONG);
    return fits ? 0 : -1;
}

/* listenUnix(path): the descriptor of a new socket that is its owner's alone. */
NATIVE(listenUnix)
{
    UNUSED;
    union address address;
    if (to_local(ctx, &address, argv[0], "bind") < 0) return JS_EXCEPTION;
    mode_t before = umask(0177);
    JSValue result = listen_on(ctx, &address, sizeof address.local);
    umask(before);
    return result;
}

/* port(descriptor): that of a listening TCP socket. */
NATIVE(port)
{
    UNUSED;
    int descriptor;
    union address address;
    socklen_t size = sizeof address;
    if (to_int(ctx, &descriptor, argv[0]) < 0) return JS_EXCEPTION;
    if (getsockname(descriptor, &address.any, &size) < 0) return throw_system(ctx, "getsockname", errno);
    return JS_NewInt32(ctx, ntohs(address.any.sa_family == AF_INET ? address.version4.sin_port : address.version6.sin6_port));
}

/* accept(descriptor): that of a connection; EAGAIN if none waits. */
NATIVE(accept)
{
    UNUSED;
    int descriptor;
    if (to_int(ctx, &descriptor, argv[0]) < 0) return JS_EXCEPTION;
    return result_of(ctx, "accept4", accept_from(descriptor));
}

/* peerAddress(descriptor): the IPv4 or IPv6 address at the other end of a connection, as inet_ntop(3) writes it. */
NATIVE(peerAddress)
{
    UNUSED;
    int descriptor;
    union address address;
    socklen_t size = sizeof address;
    char text[INET6_ADDRSTRLEN];
    if (to_int(ctx, &descriptor, argv[0]) < 0) return JS_EXCEPTION;
    if (getpeername(descriptor, &address.any, &size) < 0) return throw_system(ctx, "getpeername", errno);
    const void *bytes = address.any.sa_family == AF_INET ? (const void *)&address.version4.sin_addr
                                                         : (const void *)&address.version6.sin6_addr;
    if (inet_ntop(address.any.sa_family, bytes, text, sizeof text) == NULL)
        return throw_system(ctx, "inet_ntop", errno);
    return from_bytes(ctx, text, strlen(text));
}

/* peerUser(descriptor): the effective user at the other end of a Unix socket when it was connected: unix(7), SO_PEERCRED. */
NATIVE(peerUser)
{
    UNUSED;
    int descriptor;
    struct ucred who;
    socklen_t size = sizeof who;
    if (to_int(ctx, &descriptor, argv[0]) < 0) return JS_EXCEPTION;
    if (getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &who, &size) < 0) return throw_system(ctx, "getsockopt", errno);
    return JS_NewInt64(ctx, who.uid);
}

/* connectUnix(path): begins to, as connect does. */
NATIVE(connectUnix)
{
    UNUSED;
    union address address;
    if (to_local(ctx, &address, argv[0], "connect") < 0) return JS_EXCEPTION;
    return begin_to_connect(ctx, &address, sizeof address.local);
}

/* endSending(descriptor): the other side sees the end of what is sent to it. */
NATIVE(endSending)
{
    UNUSED;
    int descriptor;
    if (to_int(ctx, &descriptor, argv[0]) < 0) return JS_EXCEPTION;
    return result_of(ctx, "shutdown", shutdown(descriptor, SHUT_WR));
}

/*
 * addresses(name): those that getaddrinfo(3) finds, which may take as long as DNS lets it: for a helper. A text instead of a
 * list says why there are none.
 */
NATIVE(addresses)
{
    UNUSED;
    struct bytes name;
    struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM }, *found = NULL;
    if (to_c_string(ctx, &name, argv[0], "getaddrinfo") < 0) return JS_EXCEPTION;
    int error = getaddrinfo(name.data, NULL, &hints, &found);
    free_bytes(ctx, &name);
    if (error == EAI_NONAME || error == EAI_NODATA) return JS_NewString(ctx, "EAI_NONAME");
    if (error != 0) return JS_NewString(ctx, error == EAI_AGAIN ? "EAI_AGAIN" : "EAI_FAIL");
    JSValue list = JS_NewArray(ctx);
    uint32_t length = 0;
    for (const struct addrinfo *one = found; one != NULL; one = one->ai_next) {
        char text[INET6_ADDRSTRLEN];
        const union address *address = (const union address *)(const void *)one->ai_addr;
        bool six = one->ai_family == AF_INET6;
        const void *bytes = six ? (const void *)&address->version6.sin6_addr : &address->version4.sin_addr;
        if (inet_ntop(one->ai_family, bytes, text, sizeof text) != NULL)
            append(ctx, &list, &length, JS_NewString(ctx, text));
    }
    freeaddrinfo(found);
    return list;
}

const JSCFunctionListEntry sockets_functions[] = {
    FUNCTION(connect, 2),    FUNCTION(connected, 1), FUNCTION(send, 2),   FUNCTION(listenTcp, 2),
    FUNCTION(listenUnix, 1), FUNCTION(port, 1),      FUNCTION(accept, 1), FUNCTION(peerAddress, 1),
    FUNCTION(endSending, 1), FUNCTION(addresses, 1), FUNCTION(peerUser, 1), FUNCTION(connectUnix, 1),
};
END_OF_PART(sockets);
