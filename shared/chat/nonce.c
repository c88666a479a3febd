/* Nonces: making and checking them. What they are for is in shared/store/message.c. */
#include "shared/chat/nonce.h"

void nonce_make(char out[NONCE_SERVER_SIZE])
{
    out[0] = NONCE_SERVER_MARK;
    random_id(out + 1);
}

bool nonce_is_valid(struct span nonce, int64_t max_chars)
{
    if (nonce.len < 1 || nonce.len > (size_t)max_chars)
        return false;
    for (size_t i = 0; i < nonce.len; i++) {
        if (nonce.ptr[i] < 0x21 || nonce.ptr[i] > 0x7e)
            return false;
    }
    return true;
}
