@main struct Pageferry { static func main() {} }
