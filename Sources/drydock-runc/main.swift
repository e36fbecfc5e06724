import DrydockRunc
import Glibc

exit(DrydockRunc.main(CommandLine.arguments))
