/* Clients that still send, hung up on as the service ends. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/http/lingering.h"

#include <cmocka.h>

enum { PIECES = 20 };

static const char answer[] = "HTTP/1.1 413 Content Too Large\r\n\r\n";

/* The two ends of a connection of TCP: only that is reset. */
static void make_pair(int *ours, int *theirs)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int door = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(bind(door, (struct sockaddr *)&at, len), 0);
    assert_int_equal(listen(door, 1), 0);
    assert_int_equal(getsockname(door, (struct sockaddr *)&at, &len), 0);
    *theirs = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(*theirs, (struct sockaddr *)&at, len), 0);
    *ours = accept(door, NULL, NULL);
    assert_true(*ours >= 0);
    close(door);
}

static void *end(void *lingering)
{
    lingering_free(lingering);
    return NULL;
}

static void who_still_sends_at_the_end_can_read_its_answer(void **state)
{
    static char piece[10000], text[sizeof answer];
    struct lingering *lingering = lingering_new(NULL);
    pthread_t thread;
    int ours, theirs;

    (void)state;
    assert_non_null(lingering);
    make_pair(&ours, &theirs);
    assert_int_equal(send(ours, answer, sizeof answer, 0), sizeof answer);
    lingering_add(lingering, ours);
    assert_int_equal(pthread_create(&thread, NULL, end, lingering), 0);
    for (int i = 0; i < PIECES; i++) {
        assert_int_equal(send(theirs, piece, sizeof piece, MSG_NOSIGNAL),
                         sizeof piece);
        poll(NULL, 0, 1);
    }
    assert_int_equal(recv(theirs, text, sizeof text, MSG_WAITALL), sizeof text);
    assert_string_equal(text, answer);
    assert_int_equal(recv(theirs, text, 1, 0), 0);
    close(theirs);
    pthread_join(thread, NULL);
}

static void who_does_not_leave_at_the_end_is_cut_off(void **state)
{
    struct lingering *lingering = lingering_new(NULL);
    int ours, theirs;

    (void)state;
    assert_non_null(lingering);
    make_pair(&ours, &theirs);
    lingering_add(lingering, ours);
    lingering_free(lingering);
    assert_int_equal(send(theirs, "x", 1, MSG_NOSIGNAL), 1);
    poll(NULL, 0, 50);
    assert_int_equal(send(theirs, "x", 1, MSG_NOSIGNAL), -1);
    close(theirs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_still_sends_at_the_end_can_read_its_answer),
        cmocka_unit_test(who_does_not_leave_at_the_end_is_cut_off),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
