package generate

import "context"

// Unpacked has a tree unpacked of which there is only the outline, which is enough to recall a render.
type Unpacked struct{ Next Generator }

// Generate asks for the whole tree.
func (u Unpacked) Generate(ctx context.Context, request Request) (Result, error) {
	if request.Unpack != nil {
		tree, err := request.Unpack(ctx)
		if err != nil {
			return Result{}, err
		}
		request.Tree, request.Unpack = tree, nil
	}
	return u.Next.Generate(ctx, request)
}
