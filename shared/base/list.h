/*
 * A doubly linked list whose links live inside its elements. A node is on one list or on none;
 * list_remove is safe on a node that is on none. Nothing is owned.
 */
#ifndef PARLEY_BASE_LIST_H
#define PARLEY_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next, *prev;
};

/* The element that holds `node` in its member `member`. */
#define list_entry(node, type, member) ((type *)((char *)(node)-offsetof(type, member)))

/* Iterate; `node` itself may be removed (not its successor). */
#define list_for_each(node, head)                                                                  \
    for (struct list *node = (head)->next, *node##_next = node->next; node != (head);              \
         node = node##_next, node##_next = node->next)

/* Make an empty list head, or a node that is on no list. */
static inline void list_init(struct list *node)
{
    node->next = node->prev = node;
}

/* Is nothing on this head, or the node on no list? */
static inline bool list_is_empty(const struct list *head)
{
    return head->next == head;
}

/* Put `node` (on no list) at the end. */
static inline void list_append(struct list *head, struct list *node)
{
    node->prev = head->prev;
    node->next = head;
    head->prev->next = node;
    head->prev = node;
}

/* Put `node` (on no list) at the front. */
static inline void list_prepend(struct list *head, struct list *node)
{
    list_append(head->next, node);
}

/* Take `node` off its list, if it is on one. */
static inline void list_remove(struct list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init(node);
}

/* Take the first node off; NULL if there is none. */
static inline struct list *list_take_first(struct list *head)
{
    struct list *node = head->next;

    if (node == head)
        return NULL;
    list_remove(node);
    return node;
}

#endif
