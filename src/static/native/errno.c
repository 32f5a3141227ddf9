#include "host.h"

#include <errno.h>

#define NAME(error) \
    case error:     \
        return #error

const char *errno_name(int error)
{
    switch (error) {
        NAME(E2BIG);
        NAME(EACCES);
        NAME(EADDRINUSE);
        NAME(EADDRNOTAVAIL);
        NAME(EAFNOSUPPORT);
        NAME(EAGAIN);
        NAME(EBADF);
        NAME(EBADMSG);
        NAME(EBUSY);
        NAME(ECHILD);
        NAME(ECONNABORTED);
        NAME(ECONNREFUSED);
        NAME(ECONNRESET);
        NAME(EDOM);
        NAME(EDQUOT);
        NAME(EEXIST);
        NAME(EFAULT);
        NAME(EFBIG);
        NAME(EHOSTDOWN);
        NAME(EHOSTUNREACH);
        NAME(EILSEQ);
        NAME(EINPROGRESS);
        NAME(EINTR);
        NAME(EINVAL);
        NAME(EIO);
        NAME(EISCONN);
        NAME(EISDIR);
        NAME(ELIBBAD);
        NAME(ELOOP);
        NAME(EMFILE);
        NAME(EMLINK);
        NAME(EMSGSIZE);
        NAME(ENAMETOOLONG);
        NAME(ENETDOWN);
        NAME(ENETUNREACH);
        NAME(ENFILE);
        NAME(ENOBUFS);
        NAME(ENODEV);
        NAME(ENOENT);
        NAME(ENOEXEC);
        NAME(ENOLCK);
        NAME(ENOMEM);
        NAME(ENOPROTOOPT);
        NAME(ENOSPC);
        NAME(ENOSYS);
        NAME(ENOTCONN);
        NAME(ENOTDIR);
        NAME(ENOTEMPTY);
        NAME(ENOTSOCK);
        NAME(ENOTSUP);
        NAME(ENOTTY);
        NAME(ENXIO);
        NAME(EOVERFLOW);
        NAME(EPERM);
        NAME(EPIPE);
        NAME(EPROTO);
        NAME(EPROTONOSUPPORT);
        NAME(EPROTOTYPE);
        NAME(ERANGE);
        NAME(EREMOTEIO);
        NAME(EROFS);
        NAME(ESHUTDOWN);
        NAME(ESPIPE);
        NAME(ESRCH);
        NAME(ESTALE);
        NAME(ETIMEDOUT);
        NAME(ETXTBSY);
        NAME(EUSERS);
        NAME(EXDEV);
    default:
        return "EIO";
    }
}
