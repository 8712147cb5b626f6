// The header lacks what it uses.
#include <stddef.h>

#include <hugetlbfs.h>
