/* The queue, see hold.h. Memory that mosquitto is to free comes from mosquitto. */
#include "broker/mqtt-plugin/hold.h"

#include "broker/mqtt-plugin/props.h"
#include "shared/base/mem.h"

void hold_init(struct hold *hold, int limit)
{
    list_init(&hold->messages);
    hold->count = 0;
    hold->limit = limit;
}

void hold_release(struct hold *hold)
{
    struct held *message;

    while ((message = hold_take(hold)))
        held_free(message);
}

static void *copy_payload(const void *payload, uint32_t len)
{
    char *copy = mosquitto_malloc((size_t)len + 1);

    if (!copy)
        abort();
    if (len > 0)
        memcpy(copy, payload, len);
    copy[len] = '\0';
    return copy;
}

bool hold_add(struct hold *hold, const struct held *message)
{
    struct held *copy;

    if (hold->count >= hold->limit)
        return false;
    copy = mem_alloc(sizeof *copy);
    *copy = *message;
    copy->topic = mem_strdup(message->topic);
    copy->payload = copy_payload(message->payload, message->len);
    copy->props = props_copy(message->props);
    list_init(&copy->node);
    hold_give(hold, copy);
    return true;
}

struct held *hold_take(struct hold *hold)
{
    struct list *node = list_take_first(&hold->messages);

    if (!node)
        return NULL;
    hold->count--;
    return list_entry(node, struct held, node);
}

void hold_give(struct hold *hold, struct held *message)
{
    list_append(&hold->messages, &message->node);
    hold->count++;
}

void hold_move(struct hold *to, struct hold *from)
{
    struct held *message;

    while ((message = hold_take(from)))
        hold_give(to, message);
}

void held_hand_over(struct held *message, const char *client_id)
{
    if (mosquitto_broker_publish(client_id, message->topic, (int)message->len,
                                 (void *)message->payload, message->qos, false,
                                 (mosquitto_property *)message->props) == MOSQ_ERR_SUCCESS) {
        message->payload = NULL; /* mosquitto's now */
        message->props = NULL;
    }
    held_free(message);
}

void held_free(struct held *message)
{
    mosquitto_property *props = (mosquitto_property *)message->props;

    mosquitto_property_free_all(&props);
    if (message->payload)
        mosquitto_free((void *)message->payload);
    free((char *)message->topic);
    free(message);
}
