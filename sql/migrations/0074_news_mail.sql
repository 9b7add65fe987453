-- Notifications by mail, for the kinds that their user has chosen: one mail an event, like the notification itself.
CREATE FUNCTION sfa_news_mail() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO procrastinate_jobs (queue_name, task_name, args)
    SELECT 'default', 'news_mail', jsonb_build_object('notification', NEW.id)
    FROM notification_settings s JOIN users u ON u.id = s.user_id
    WHERE s.user_id = NEW.user_id AND NEW.kind = ANY (s.by_mail) AND u.status = 'active';
    RETURN NULL;
END $$;
CREATE TRIGGER sfa_news_mail AFTER INSERT ON notifications FOR EACH ROW EXECUTE FUNCTION sfa_news_mail();
