/* How the sanitizers of dist/rehup-asan are to behave: rehup ends without freeing what the kernel takes back anyway. */
#include <sanitizer/asan_interface.h>

const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "detect_leaks=0:exitcode=99:handle_segv=1:allow_user_segv_handler=0";
}
