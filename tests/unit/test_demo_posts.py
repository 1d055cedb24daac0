"""The generated posts of the demo and of the benchmark."""

from hashlib import sha256

from console.demo.posts import make_posts

# A change means that figures of earlier benchmarks can no longer be compared.
POSTS = "bd10cbe98b538c9e16628bb7d7559fb3d73c07363cf4e4312b42792a2d955973"


def test_the_generated_posts_never_change() -> None:
    digest = sha256()
    for post in make_posts(2_000):
        digest.update(repr(post).encode())
    assert digest.hexdigest() == POSTS
