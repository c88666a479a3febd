/* What lists share: the limit, the cursor, and Link headers (RFC 8288). */
#ifndef PARLEY_FCGI_PAGE_H
#define PARLEY_FCGI_PAGE_H

#include "fcgi/app.h"

#define PAGE_DEFAULT 50

/* The query's limit, 1 to LIMIT_PAGE. False: the problem is the response. */
bool page_limit(struct call *call, int64_t *out);

/* A query parameter as a seq of at least `min`; 0 if absent. False: the problem is the response. */
bool page_seq(struct call *call, const char *name, int64_t min, int64_t *out);

/* Add Link: this path with `name`=`value` in place of the cursors, the other parameters kept. */
void page_link(struct call *call, const char *rel, const char *name, struct span value);

/* What a list with a cursor begins with, and what it was asked for. */
struct page {
    struct span cursor; /* SPAN_NONE: the first page */
    int64_t limit;
    struct buf next; /* the next page's cursor, for the list to fill */
};

/* False: the problem is the response, and there is nothing to end. */
bool page_begin(struct call *call, struct page *page);

/* Answer: a problem, or where it goes on. */
void page_end(struct call *call, struct page *page, enum err err);

#endif
