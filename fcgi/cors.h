/* Cross-origin requests (Fetch standard, "CORS protocol"): which origins browsers may call from. */
#ifndef PARLEY_FCGI_CORS_H
#define PARLEY_FCGI_CORS_H

#include "shared/base/span.h"

/* Is `origin` in `list`? Space-separated origins; "*" in the place of the port matches any port or
 * none; an item "*" allows all. Scheme and host are compared without regard to case. */
bool cors_is_allowed(const char *list, struct span origin);

#endif
