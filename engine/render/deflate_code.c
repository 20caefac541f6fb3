#include "engine/render/deflate_code.h"

#include <stdbool.h>
#include <stddef.h>

/* The leaves of the tree are in the order of symbols: bytes 0 to 15, upper
 * halves 1 to 14, bytes 240 to 255, and the symbols above 255. */
enum {
    FIRST_HALF = 16,
    FIRST_HIGH = FIRST_HALF + 14,
    FIRST_ABOVE = FIRST_HIGH + 16,
    NUM_LEAVES = FIRST_ABOVE + DEFLATE_NUM_SYMBOLS - 256
};

static unsigned leaf_of(unsigned symbol)
{
    return symbol < 16    ? symbol
           : symbol < 240 ? FIRST_HALF + symbol / 16 - 1
                          : FIRST_HIGH + symbol - 240;
}

/* Sorts leaves by count, rarest first (Shellsort). */
static void sort_leaves(uint16_t sorted[NUM_LEAVES],
                        const uint32_t counts[NUM_LEAVES])
{
    static const size_t gaps[] = {23, 10, 4, 1};

    for (uint16_t i = 0; i < NUM_LEAVES; i++)
        sorted[i] = i;
    for (size_t g = 0; g < sizeof gaps / sizeof gaps[0]; g++) {
        for (size_t i = gaps[g]; i < NUM_LEAVES; i++) {
            uint16_t leaf = sorted[i];
            size_t at = i;

            while (at >= gaps[g] &&
                   counts[sorted[at - gaps[g]]] > counts[leaf]) {
                sorted[at] = sorted[at - gaps[g]];
                at -= gaps[g];
            }
            sorted[at] = leaf;
        }
    }
}

/* Huffman's tree over counts in ascending order, by two queues: the leaves, and
 * the inner nodes in order of creation. num_of[n] becomes the number of leaves
 * at depth n; greater depths count as DEFLATE_TREE_BITS. */
static void measure_tree(unsigned num_of[DEFLATE_TREE_BITS + 1],
                         const uint16_t sorted[NUM_LEAVES],
                         const uint32_t counts[NUM_LEAVES])
{
    enum { NUM_NODES = 2 * NUM_LEAVES - 1 };
    uint64_t weight[NUM_NODES];
    uint16_t parent[NUM_NODES], depth[NUM_NODES];
    size_t leaf = 0, inner = NUM_LEAVES;

    for (size_t i = 0; i < NUM_LEAVES; i++)
        weight[i] = counts[sorted[i]];
    for (size_t node = NUM_LEAVES; node < NUM_NODES; node++) {
        weight[node] = 0;
        for (int child = 0; child < 2; child++) {
            bool take_leaf = leaf < NUM_LEAVES &&
                             (inner == node || weight[leaf] <= weight[inner]);
            size_t least = take_leaf ? leaf++ : inner++;

            weight[node] += weight[least];
            parent[least] = (uint16_t)node;
        }
    }
    depth[NUM_NODES - 1] = 0;
    for (size_t node = NUM_NODES - 1; node-- > 0;) {
        depth[node] = (uint16_t)(depth[parent[node]] + 1);
        if (node < NUM_LEAVES)
            num_of[depth[node] < DEFLATE_TREE_BITS ? depth[node]
                                                   : DEFLATE_TREE_BITS]++;
    }
}

/* Makes the lengths a complete code again after some were cut to
 * DEFLATE_TREE_BITS: a code of the longest pairs with a shorter one that moves
 * one deeper. */
static void complete(unsigned num_of[DEFLATE_TREE_BITS + 1])
{
    uint32_t used = 0; /* in units of the longest code */

    for (unsigned len = 1; len <= DEFLATE_TREE_BITS; len++)
        used += (uint32_t)num_of[len] << (DEFLATE_TREE_BITS - len);
    for (; used > 1u << DEFLATE_TREE_BITS; used--) {
        unsigned len = DEFLATE_TREE_BITS - 1;

        while (num_of[len] == 0)
            len--;
        num_of[DEFLATE_TREE_BITS]--;
        num_of[len]--;
        num_of[len + 1] += 2;
    }
}

/* The lengths of the leaves' codes, without the four bits that follow. */
static void measure_leaves(uint8_t lens[NUM_LEAVES],
                           const uint32_t counts[NUM_LEAVES])
{
    unsigned num_of[DEFLATE_TREE_BITS + 1] = {0};
    uint16_t sorted[NUM_LEAVES];
    size_t at = 0;

    sort_leaves(sorted, counts);
    measure_tree(num_of, sorted, counts);
    complete(num_of);
    for (unsigned len = DEFLATE_TREE_BITS; len > 0; len--)
        for (unsigned i = 0; i < num_of[len]; i++)
            lens[sorted[at++]] = (uint8_t)len;
}

uint16_t deflate_code_reversed(uint16_t bits, unsigned len)
{
    unsigned back = bits;

    back = (back & 0x5555) << 1 | (back >> 1 & 0x5555);
    back = (back & 0x3333) << 2 | (back >> 2 & 0x3333);
    back = (back & 0x0f0f) << 4 | (back >> 4 & 0x0f0f);
    back = (back & 0x00ff) << 8 | back >> 8;
    return (uint16_t)(back >> (16 - len));
}

/* Canonical codes (RFC 1951, section 3.2.2). Sixteen codes that are four bits
 * longer take the place of one in the tree. */
void deflate_code_make(struct deflate_code codes[DEFLATE_NUM_SYMBOLS],
                       const uint32_t counts[DEFLATE_NUM_SYMBOLS])
{
    uint32_t sums[NUM_LEAVES] = {0};
    uint8_t lens[NUM_LEAVES];
    uint16_t num_of[DEFLATE_MAX_BITS + 1] = {0};
    uint16_t next[DEFLATE_MAX_BITS + 2] = {0};

    for (unsigned i = 0; i < DEFLATE_NUM_SYMBOLS; i++)
        sums[leaf_of(i)] += counts[i] + 1;
    measure_leaves(lens, sums);
    for (unsigned i = 0; i < DEFLATE_NUM_SYMBOLS; i++) {
        codes[i].len =
            (uint16_t)(lens[leaf_of(i)] + (i >= 16 && i < 240 ? 4 : 0));
        num_of[codes[i].len]++;
    }
    for (unsigned len = 1; len <= DEFLATE_MAX_BITS; len++)
        next[len + 1] = (uint16_t)((next[len] + num_of[len]) << 1);
    for (unsigned i = 0; i < DEFLATE_NUM_SYMBOLS; i++)
        codes[i].bits =
            deflate_code_reversed(next[codes[i].len]++, codes[i].len);
}
