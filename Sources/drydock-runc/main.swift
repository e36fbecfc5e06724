import DrydockRunc
import Glibc

// Nothing is buffered, and nothing is left to be tidied up.
_exit(DrydockRunc.main())
