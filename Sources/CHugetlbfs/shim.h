#include <hugetlbfs.h>
