# networks: those of examples/ have the parameters that were published.
. tests/cli/lib.sh

parameters() {
    expect 0 "$NNC" info "examples/$1.nn" -weights=random -bind N=1; prints "parameters $2 "
}
parameters resnet18 11689512
parameters resnet50 25557032
parameters mobilenet_v2 3504872
finish
