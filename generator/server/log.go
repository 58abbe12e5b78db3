package server

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/tidegate/tidegate/generator/params"
)

// logRequest writes one line for a request, and one for each finding that its ApplicationSet did not have before.
func (s *Server) logRequest(r *http.Request, said *said) {
	level, message := slog.LevelInfo, "answered"
	switch {
	case said.status == statusClientGone:
		level, message = slog.LevelWarn, "client gone"
	case said.status >= http.StatusInternalServerError || said.status == http.StatusConflict:
		level, message = slog.LevelError, "no answer"
	case said.status >= http.StatusBadRequest:
		level, message = slog.LevelWarn, "refused"
	}
	attributes := []slog.Attr{
		slog.Int("status", said.status),
		slog.String("applicationSet", said.request.ApplicationSet),
		slog.String("remote", r.RemoteAddr),
		slog.Duration("took", said.took),
	}
	if said.answer != nil {
		attributes = append(attributes,
			slog.Int("parameterSets", said.answer.Size()),
			slog.Int("bytes", said.bytes),
			slog.String("revision", said.answer.Revision),
			slog.Int("rendered", said.answer.Rendered),
		)
	}
	if said.err != nil {
		attributes = append(attributes, slog.String("error", said.err.Error()))
	}
	s.log.LogAttrs(r.Context(), level, message, attributes...)
	if said.answer == nil {
		return
	}
	appeared, gone := s.metrics.answers.record(said.request.ApplicationSet, said.answer)
	s.logFindings(slog.LevelWarn, "found", said.request.ApplicationSet, appeared)
	s.logFindings(slog.LevelInfo, "no longer found", said.request.ApplicationSet, gone)
}

func (s *Server) logFindings(level slog.Level, message, applicationSet string, findings []params.Finding) {
	for _, finding := range findings {
		s.log.LogAttrs(context.Background(), level, message,
			slog.String("kind", string(finding.Kind)),
			slog.String("path", finding.Path),
			slog.String("finding", finding.Message),
			slog.String("applicationSet", applicationSet))
	}
}
