/* Tokens of an outside issuer, see identify.h. What is known of them is kept in shared/chat. */
#include "broker/gateway/identify.h"

#include "shared/base/mem.h"

struct identify {
    struct pool_job job; /* first */
    struct list node;    /* of gateway->identifying, until it is freed */
    struct gateway *gateway;
    struct sio_socket *socket; /* NULL: cancelled */
    identify_fn then;
    char *auth, *token;
    size_t auth_len, token_len;
    char address[46];
    struct chat_actor actor;
    enum err err;
};

static void identify_free(struct identify *identify)
{
    list_remove(&identify->node);
    free(identify->auth);
    explicit_bzero(identify->token, identify->token_len);
    free(identify->token);
    free(identify);
}

static void run(struct pool_job *job, struct db *db)
{
    struct identify *identify = (struct identify *)job;

    identify->err =
        chat_identify(identify->gateway->chat, db, span_make(identify->token, identify->token_len),
                      identify->address, &identify->actor);
}

static void done(struct pool_job *job)
{
    struct identify *identify = (struct identify *)job;

    if (identify->socket)
        identify->then(identify->socket, span_make(identify->auth, identify->auth_len),
                       identify->err, &identify->actor);
    identify_free(identify);
}

enum err identify_begin(struct gateway *gateway, struct sio_socket *socket, struct span auth,
                        struct span token, identify_fn then)
{
    struct identify *identify = mem_alloc(sizeof *identify);
    enum err err;

    identify->job = (struct pool_job){.run = run, .done = done};
    identify->gateway = gateway;
    identify->socket = socket;
    identify->then = then;
    identify->auth = mem_span_dup(auth);
    identify->auth_len = auth.len;
    identify->token = mem_span_dup(token);
    identify->token_len = token.len;
    snprintf(identify->address, sizeof identify->address, "%s", sio_socket_address(socket));
    list_append(&gateway->identifying, &identify->node);
    err = pool_submit(gateway->readers, &identify->job);
    if (err)
        identify_free(identify);
    return err;
}

/* As many as there are connections whose tokens are new, at most what fits the readers' queue. */
void identify_cancel(struct gateway *gateway, const struct sio_socket *socket)
{
    list_for_each(node, &gateway->identifying)
    {
        struct identify *identify = list_entry(node, struct identify, node);

        if (identify->socket == socket)
            identify->socket = NULL;
    }
}

void identify_release(struct gateway *gateway)
{
    while (!list_is_empty(&gateway->identifying))
        identify_free(list_entry(gateway->identifying.next, struct identify, node));
}
