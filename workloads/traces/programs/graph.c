// PageRank and breadth-first search over a seeded R-MAT graph: a program to record traces of.
//
// R-MAT is that of Chakrabarti, Zhan and Faloutsos (SDM 2004) with the probabilities 0.57, 0.19, 0.19, 0.05 of Graph500,
// here in 256ths: 146, 49, 49, 12. A list of edges is written first, then sorted into an adjacency array by counting.

#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: graph SCALE EDGES ITERATIONS [SEED]\n"
    "\n"
    "Makes a graph of 2^SCALE vertices with EDGES directed edges for each, then runs ITERATIONS\n"
    "of PageRank (each vertex pulls from its in-neighbours) and one breadth-first search.\n"
    "\n"
    "  SCALE       4 to 30\n"
    "  EDGES       1 to 64\n"
    "  ITERATIONS  0 to 1000\n"
    "  SEED        0 to 2^64 - 1; 1 when left out\n"
    "\n"
    "Memory: up to 2^SCALE * (12 * EDGES + 8) bytes. Equal arguments give equal output.\n";

struct edge {
  uint32_t from, to;
};

// Ranks of a vertex by topic. A jump of topic k goes to a vertex v with v mod TOPICS = k (topic-sensitive PageRank, Haveliwala,
// WWW 2002). 256 bytes, as wide as a feature vector of a graph neural network: what is pulled along an edge fills cache lines.
enum { TOPICS = 64 };
struct row {
  float of[TOPICS];
};

// In-neighbours of v: targets[offsets[v]] up to targets[offsets[v + 1]].
struct graph {
  uint64_t vertices, edges;
  uint64_t *offsets;
  uint32_t *targets;
};

// SplitMix64 (Steele, Lea, Flood, OOPSLA 2014).
static uint64_t draw(uint64_t *state) {
  uint64_t z = *state += 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

static void *allocate(uint64_t count, size_t size) {
  void *memory = calloc(count, size);
  if (memory == NULL) {
    fprintf(stderr, "graph: no memory for %" PRIu64 " times %zu bytes; choose a smaller SCALE or EDGES\n", count, size);
    exit(1);
  }
  return memory;
}

// Edges of a graph of 2^scale vertices. For each level of the adjacency matrix a byte chooses the quadrant of the edge.
static struct edge *make_edges(int scale, uint64_t count, uint64_t seed) {
  uint64_t quadrants[256];  // one bit of `from` in the low half, one of `to` in the high half
  for (unsigned byte = 0; byte < 256; byte++) {
    uint64_t from = byte >= 195, to = (byte >= 146 && byte < 195) || byte >= 244;
    quadrants[byte] = to << 32 | from;
  }
  struct edge *edges = allocate(count, sizeof *edges);
  for (uint64_t i = 0; i < count; i++) {
    uint64_t path = 0, bytes = 0;
    for (int level = 0; level < scale; level++) {
      if (level % 8 == 0) bytes = draw(&seed);
      path = path << 1 | quadrants[bytes & 255];
      bytes >>= 8;
    }
    edges[i] = (struct edge){.from = (uint32_t)path, .to = (uint32_t)(path >> 32)};
  }
  return edges;
}

static struct graph make_graph(int scale, uint64_t degree, uint64_t seed) {
  struct graph g = {.vertices = UINT64_C(1) << scale};
  g.edges = g.vertices * degree;
  struct edge *edges = make_edges(scale, g.edges, seed);
  g.offsets = allocate(g.vertices + 1, sizeof *g.offsets);
  g.targets = allocate(g.edges, sizeof *g.targets);
  for (uint64_t i = 0; i < g.edges; i++) g.offsets[edges[i].to]++;
  // A running sum: offsets[v] becomes the end of v's neighbours, and is counted down to their start.
  uint64_t sum = 0;
  for (uint64_t v = 0; v <= g.vertices; v++) g.offsets[v] = sum += g.offsets[v];
  for (uint64_t i = 0; i < g.edges; i++) g.targets[--g.offsets[edges[i].to]] = edges[i].from;
  free(edges);
  return g;
}

// The highest rank after some iterations, of any topic. Ranks are kept divided by the out-degree, as they are pulled.
static double page_rank(const struct graph *g, int iterations) {
  uint32_t *degrees = allocate(g->vertices, sizeof *degrees);
  struct row *ranks = allocate(g->vertices, sizeof *ranks);
  struct row *next = allocate(g->vertices, sizeof *next);
  for (uint64_t i = 0; i < g->edges; i++) degrees[g->targets[i]]++;
  for (uint64_t v = 0; v < g->vertices; v++) {
    float degree = (float)(degrees[v] ? degrees[v] : 1);
    for (int k = 0; k < TOPICS; k++) ranks[v].of[k] = 1.0f / (float)g->vertices / degree;
  }
  float jump = 0.15f * TOPICS / (float)g->vertices, highest = 0;
  for (int round = 0; round < iterations; round++) {
    highest = 0;
    for (uint64_t v = 0; v < g->vertices; v++) {
      struct row sum = {0};
      for (uint64_t i = g->offsets[v]; i < g->offsets[v + 1]; i++) {
        const struct row *from = &ranks[g->targets[i]];
        for (int k = 0; k < TOPICS; k++) sum.of[k] += from->of[k];
      }
      float degree = (float)(degrees[v] ? degrees[v] : 1);
      for (int k = 0; k < TOPICS; k++) {
        float rank = 0.85f * sum.of[k] + (v % TOPICS == (uint64_t)k ? jump : 0);
        if (rank > highest) highest = rank;
        next[v].of[k] = rank / degree;
      }
    }
    struct row *swap = ranks;
    ranks = next;
    next = swap;
  }
  free(degrees);
  free(ranks);
  free(next);
  return highest;
}

// How many vertices a breadth-first search reaches, from the vertex with the most in-neighbours, along edges backwards.
static uint64_t search(const struct graph *g) {
  uint64_t root = 0;
  for (uint64_t v = 1; v < g->vertices; v++)
    if (g->offsets[v + 1] - g->offsets[v] > g->offsets[root + 1] - g->offsets[root]) root = v;
  uint8_t *seen = allocate(g->vertices, sizeof *seen);
  uint32_t *queue = allocate(g->vertices, sizeof *queue);
  uint64_t head = 0, tail = 0;
  seen[root] = 1;
  queue[tail++] = (uint32_t)root;
  while (head < tail) {
    uint32_t v = queue[head++];
    for (uint64_t i = g->offsets[v]; i < g->offsets[v + 1]; i++) {
      uint32_t to = g->targets[i];
      if (seen[to]) continue;
      seen[to] = 1;
      queue[tail++] = to;
    }
  }
  free(seen);
  free(queue);
  return tail;
}

static uint64_t number(const char *text, uint64_t low, uint64_t high, const char *name) {
  char *end = NULL;
  errno = 0;
  uint64_t value = strtoull(text, &end, 10);
  if (errno != 0 || end == text || *end != '\0' || text[0] < '0' || text[0] > '9' || value < low || value > high) {
    fprintf(stderr, "graph: %s '%s' is not a number from %" PRIu64 " to %" PRIu64 "; see graph --help\n", name, text, low, high);
    exit(2);
  }
  return value;
}

int main(int count, char **arguments) {
  if (count == 2 && (strcmp(arguments[1], "--help") == 0 || strcmp(arguments[1], "-h") == 0)) {
    fputs(usage, stdout);
    return 0;
  }
  if (count != 4 && count != 5) {
    fputs(usage, stderr);
    return 2;
  }
  int scale = (int)number(arguments[1], 4, 30, "SCALE");
  uint64_t degree = number(arguments[2], 1, 64, "EDGES");
  int iterations = (int)number(arguments[3], 0, 1000, "ITERATIONS");
  uint64_t seed = count == 5 ? number(arguments[4], 0, UINT64_MAX, "SEED") : 1;

  struct graph g = make_graph(scale, degree, seed);
  printf("%" PRIu64 " vertices, %" PRIu64 " edges\n", g.vertices, g.edges);
  printf("highest rank after %d iterations: %.9f\n", iterations, page_rank(&g, iterations));
  printf("reached: %" PRIu64 " vertices\n", search(&g));
  free(g.offsets);
  free(g.targets);
  return 0;
}
