/* The same program as plain CGI (RFC 3875): one request, from the environment and standard input.
 */
#ifndef PARLEY_FCGI_CGI_H
#define PARLEY_FCGI_CGI_H

#include "fcgi/app.h"

/* Answer the request; the process is to end afterwards. False: the answer broke off. */
bool cgi_run(const struct app *app);

#endif
