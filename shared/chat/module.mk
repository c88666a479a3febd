# See docs/ARCHITECTURE.md
# Commands and reads: what a user may do and see; the events that follow.
noinst_LIBRARIES += libparley-chat.a
libparley_chat_a_SOURCES = \
	shared/chat/account.c \
	shared/chat/answer.c \
	shared/chat/channel.c shared/chat/channel.h \
	shared/chat/chat.c shared/chat/chat.h shared/chat/chat_internal.h \
	shared/chat/command.c \
	shared/chat/create_channel.c \
	shared/chat/decode.c \
	shared/chat/join_channel.c \
	shared/chat/leave_channel.c \
	shared/chat/lists.c \
	shared/chat/messages.c shared/chat/messages.h \
	shared/chat/step.c shared/chat/step.h \
	shared/chat/update_channel.c \
	shared/chat/command_internal.h \
	shared/chat/event.c shared/chat/event.h \
	shared/chat/gate.c shared/chat/gate.h \
	shared/chat/nonce.c shared/chat/nonce.h \
	shared/chat/rules.c shared/chat/rules.h \
	shared/chat/read.h \
	shared/chat/render.c shared/chat/render.h
