# The image, by a builder with a daemon. `make image` makes one without, of the same binary, user and command, and puts in what this file
# cannot: a bill of materials, and labels that say version, revision and time.
#
#   docker build --tag llm-sidecar .

FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
# Static: nothing but the binary is needed to run it.
ENV RUSTFLAGS="-C target-feature=+crt-static -C relocation-model=static -C symbol-mangling-version=v0"
RUN target="$(rustc -vV | sed -n 's/^host: //p')" \
    && cargo build --locked --release --target "$target" \
    && install -D "target/$target/release/llm-sidecar" /out/llm-sidecar

FROM scratch
LABEL org.opencontainers.image.title="llm-sidecar" \
      org.opencontainers.image.description="A reverse-proxy sidecar that lets an unchanged OpenAI or Anthropic SDK talk to any LLM vendor" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /out/llm-sidecar /llm-sidecar
# Nobody, as in distroless images. No shell, and nothing is ever written: the root may be read-only.
USER 65532:65532
EXPOSE 4000 4001 8443 8080
ENTRYPOINT ["/llm-sidecar"]
CMD ["serve", "--config=/etc/llm-sidecar/config.yaml"]
