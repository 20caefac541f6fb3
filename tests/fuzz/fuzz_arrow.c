/* A column of Arrow's C data interface from a stranger: its counts, offsets,
 * nulls and views are those of the input; buffers are as long as the interface
 * says they are, to the byte. */

#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "lib/arrow_in.h"

enum { MAX_ROWS = 300, MAX_BUFFERS = 6, MAX_DATA = 1 << 16 };

struct input {
    const uint8_t *bytes;
    size_t len;
};

/* The next bytes, then zeros. */
static void take(void *to, size_t len, struct input *input)
{
    const size_t n = len < input->len ? len : input->len;

    memset(to, 0, len);
    if (n > 0)
        memcpy(to, input->bytes, n);
    input->bytes += n;
    input->len -= n;
}

static uint8_t take_byte(struct input *input)
{
    uint8_t byte;

    take(&byte, 1, input);
    return byte;
}

/* A number that is small mostly, and anything sometimes. */
static int64_t take_count(struct input *input)
{
    int64_t number;
    const uint8_t kind = take_byte(input);

    if (kind < 240)
        return kind % 32;
    take(&number, sizeof number, input);
    return number;
}

static void *take_buffer(size_t len, struct input *input)
{
    void *buffer = malloc(len ? len : 1);

    if (!buffer)
        abort();
    take(buffer, len, input);
    return buffer;
}

static void release_schema(struct ArrowSchema *schema)
{
    schema->release = NULL;
}

static void release_array(struct ArrowArray *array)
{
    array->release = NULL;
}

/* The last offset that is in a buffer: as many bytes of data there must be. */
static int64_t find_end(const void *offsets, bool large, size_t count)
{
    int64_t end = 0;

    for (size_t i = 0; i < count; i++) {
        int64_t wide;
        int32_t narrow;

        memcpy(&wide, (const uint8_t *)offsets + (large ? 8 : 4) * i,
               large ? 8 : 4);
        memcpy(&narrow, &wide, 4);
        if (!large)
            wide = narrow;
        end = wide > end ? wide : end;
    }
    return end;
}

static unsigned add_up(const struct arrow_in *in)
{
    unsigned sum = 0;
    const uint8_t *bytes;
    size_t len;

    for (size_t i = 0; i < in->count; i++)
        if (arrow_in_row(in, i, &bytes, &len))
            for (size_t k = 0; k < len; k++)
                sum += bytes[k];
    return sum;
}

struct column {
    struct ArrowSchema schema;
    struct ArrowArray array;
    void *buffers[MAX_BUFFERS];
    size_t num_rows; /* in the buffers: offset and length */
    bool can_read;   /* the data is there */
};

static void make_offsets(struct column *column, bool large, struct input *input)
{
    const size_t count = column->num_rows + 1;
    int64_t end;

    column->buffers[1] = take_buffer(count * (large ? 8 : 4), input);
    end = find_end(column->buffers[1], large, count);
    column->can_read = end <= MAX_DATA;
    column->buffers[2] = take_buffer(column->can_read ? (size_t)end : 0, input);
}

static void make_views(struct column *column, struct input *input)
{
    const int64_t num = column->array.n_buffers - 3;
    int64_t sizes[MAX_BUFFERS] = {0};

    column->buffers[1] = take_buffer(column->num_rows * 16, input);
    column->can_read = num >= 0 && num <= MAX_BUFFERS - 3;
    for (int64_t i = 0; column->can_read && i < num; i++) {
        sizes[i] = take_byte(input);
        column->buffers[2 + i] = take_buffer((size_t)sizes[i], input);
    }
    if (column->can_read) {
        column->buffers[2 + num] = malloc((size_t)num * 8 + 1);
        if (!column->buffers[2 + num])
            abort();
        memcpy(column->buffers[2 + num], sizes, (size_t)num * 8);
    }
}

/* Without the buffers: the kind, the counts, what is NULL. */
static uint8_t make_counts(struct column *column, struct input *input)
{
    static const char *const formats[] = {"z", "Z", "vz", "u"};
    const uint8_t kind = take_byte(input), odd = take_byte(input);
    struct ArrowArray *array = &column->array;

    column->schema = (struct ArrowSchema){.format = formats[kind % 4],
                                          .release = release_schema};
    array->length = take_count(input);
    array->offset = take_count(input);
    array->null_count = odd & 1 ? take_count(input) : -1;
    array->n_buffers = kind % 4 == 2 ? 3 + take_byte(input) % 4 : 3;
    if (odd & 2)
        array->n_buffers = take_count(input);
    if (array->n_buffers > MAX_BUFFERS && array->n_buffers <= INT32_MAX)
        array->n_buffers %= MAX_BUFFERS + 1; /* as many as there are */
    if (odd & 4)
        array->n_children = take_count(input);
    array->release = release_array;
    return odd;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct input input = {bytes, len};
    struct column column = {0};
    struct ArrowArray *array = &column.array;
    const uint8_t odd = make_counts(&column, &input);
    const void *buffers[MAX_BUFFERS];
    struct arrow_in in;
    struct error err = {0};

    /* Many rows have large buffers, but are no other case. */
    if (array->length >= 0 && array->offset >= 0 &&
        array->length <= WHEREFORE_MAX_ROWS &&
        array->offset <= PTRDIFF_MAX / 16) {
        array->length %= MAX_ROWS;
        array->offset %= MAX_ROWS;
        column.num_rows = (size_t)(array->length + array->offset);
    }
    if (odd & 8)
        column.buffers[0] = take_buffer(column.num_rows / 8 + 1, &input);
    if (column.schema.format[0] == 'v')
        make_views(&column, &input);
    else
        make_offsets(&column, column.schema.format[0] == 'Z', &input);
    for (size_t i = 1; odd & 16 && i < MAX_BUFFERS; i++)
        if (odd >> (4 + i % 4) & 1) {
            free(column.buffers[i]);
            column.buffers[i] = NULL;
        }
    for (size_t i = 0; i < MAX_BUFFERS; i++)
        buffers[i] = column.buffers[i];
    array->buffers = odd == 255 ? NULL : buffers;
    if (arrow_in_open(&in, &column.schema, array, &err) && column.can_read)
        add_up(&in);
    for (size_t i = 0; i < MAX_BUFFERS; i++)
        free(column.buffers[i]);
    return 0;
}
